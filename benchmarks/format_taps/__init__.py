"""Two taps for each format, as programs: ours, with a stream of that format, and an ordinary one."""
