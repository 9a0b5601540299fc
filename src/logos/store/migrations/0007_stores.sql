-- Spaces, and forgetting.

-- A space that processes share is a live process named after it: one at most, on whatever node.
CREATE UNIQUE INDEX process_space ON process (agent) WHERE agent LIKE '/mem/%' AND exit_status IS NULL;
