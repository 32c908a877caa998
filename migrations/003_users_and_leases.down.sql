-- Removes the users' settings, the leases and the account links, with everything in them.
DO $$ BEGIN PERFORM pg_advisory_xact_lock(5870237214046); END $$;

DROP TABLE IF EXISTS public.telegram_accounts;
DROP TABLE IF EXISTS public.service_leases;
DROP TABLE IF EXISTS public.bot_users;

NOTIFY pgrst, 'reload schema';
