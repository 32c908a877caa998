-- What the service knows of its users, who of its replicas leads, and which account belongs to which Telegram user.
--
-- Safe to run again. Run the file in one transaction.

DO $$ BEGIN PERFORM pg_advisory_xact_lock(5870237214046); END $$;

-- No row, or NULL in a column, means the service's own setting: its time zone, no quiet hours, the plan's time of day.
CREATE TABLE IF NOT EXISTS public.bot_users (
  telegram_id   bigint PRIMARY KEY,
  time_zone     text,                                        -- an IANA name
  quiet_from    time,                                        -- wall clock in time_zone; from > until spans midnight
  quiet_until   time,
  send_hour     integer CHECK (send_hour BETWEEN 0 AND 23),
  paused_until  timestamptz,
  blocked_at    timestamptz,                                 -- when Telegram said that the user has blocked the bot
  focus_lead_id integer,                                     -- the lead last created or opened
  awaiting      text,                                        -- what the user's next message answers
  created_at    timestamptz DEFAULT now(),
  updated_at    timestamptz DEFAULT now()
);

-- A lease is held until expires_at by whoever wrote its name there last; an election is one conditional update.
CREATE TABLE IF NOT EXISTS public.service_leases (
  name       text PRIMARY KEY,
  holder     text,
  expires_at timestamptz
);

-- Links an account of the host application to a Telegram user, for row security where the token carries no telegram_id.
-- Unique both ways: two accounts on one Telegram user would share its rows.
CREATE TABLE IF NOT EXISTS public.telegram_accounts (
  user_id     uuid PRIMARY KEY,
  telegram_id bigint NOT NULL UNIQUE,
  created_at  timestamptz DEFAULT now()
);

ALTER TABLE public.bot_users ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.service_leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.telegram_accounts ENABLE ROW LEVEL SECURITY;

NOTIFY pgrst, 'reload schema';
