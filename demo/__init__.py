"""What `make demo` shows: a month of events from a local Cometly in a real PostgreSQL, loaded by a real Meltano."""
