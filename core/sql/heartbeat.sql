-- When a task of each queue last ran. A task worker may live and answer and yet take nothing from its queue; a row here is
-- written by a task and by nothing else, so its age says whether work is taken.
CREATE TABLE heartbeat (
    queue     text PRIMARY KEY CHECK (queue ~ '^[a-z_]{1,30}$'),
    worker    text NOT NULL,
    beaten_at timestamptz NOT NULL DEFAULT now()
);
