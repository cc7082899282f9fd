"""The tap in virtual time, against the sandbox: what tests and benchmarks both need, and neither has of the other."""
