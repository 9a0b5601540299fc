"""Windows under load: agents on a real kernel, and what others do with the same conversation."""
