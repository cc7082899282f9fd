# One image, two programs: `docker run IMAGE read ...` is the Airbyte source, and
# `docker run --entrypoint tap-cometly IMAGE ...` the Singer tap.

# -- Builds the environment: first what uv.lock names, each file checked against its hash there, then the project.

FROM python:3.13-slim AS build

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/tap-cometly \
    UV_PYTHON_DOWNLOADS=never

RUN pip install --no-cache-dir --disable-pip-version-check "uv==0.13.8"

WORKDIR /src
COPY pyproject.toml uv.lock ./
COPY packages ./packages
RUN uv sync --quiet --locked --no-default-groups --no-install-workspace
COPY README.md LICENSE ./
COPY tap_cometly ./tap_cometly
RUN uv sync --quiet --locked --no-default-groups --no-editable

# -- What is run: Python, that environment, and nobody's rights.

FROM python:3.13-slim

ARG VERSION=0.0.0

LABEL io.airbyte.name="source-cometly" \
      io.airbyte.version="${VERSION}" \
      org.opencontainers.image.title="tap-cometly" \
      org.opencontainers.image.description="Every Cometly conversion event, as an Airbyte source and as a Singer tap" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# The user and the number that Airbyte's own images have; exports wait in the volume until they are verified.
RUN groupadd --gid 1000 airbyte \
    && useradd --uid 1000 --gid airbyte --create-home --home-dir /airbyte airbyte \
    && install --directory --owner=airbyte --group=airbyte /spool
COPY --from=build /opt/tap-cometly /opt/tap-cometly

ENV AIRBYTE_ENTRYPOINT=/opt/tap-cometly/bin/source-cometly \
    PATH=/opt/tap-cometly/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/spool

VOLUME /spool
WORKDIR /airbyte
USER 1000:1000
# Without a shell in between, so that a signal reaches the program.
ENTRYPOINT ["/opt/tap-cometly/bin/source-cometly"]
