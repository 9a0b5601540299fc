"""The kernel on a real PostgreSQL."""
