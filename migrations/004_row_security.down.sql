-- Closes the doors that 004 opened. Row security stays on: without policies only the service and the owner get through.
DO $$ BEGIN PERFORM pg_advisory_xact_lock(5870237214046); END $$;

DROP POLICY IF EXISTS scheduled_reminders_answer ON public.scheduled_reminders;
DROP POLICY IF EXISTS scheduled_reminders_own ON public.scheduled_reminders;
DROP POLICY IF EXISTS bot_users_own ON public.bot_users;
DROP POLICY IF EXISTS lead_activity_log_own ON public.lead_activity_log;
DROP POLICY IF EXISTS lead_registry_own ON public.lead_registry;

DO $$
DECLARE
  opened regclass;
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticated') THEN
    FOR opened IN
      SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relname IN ('lead_registry', 'lead_activity_log', 'scheduled_reminders', 'bot_users')
    LOOP
      EXECUTE format('REVOKE ALL ON %s FROM authenticated', opened);
    END LOOP;
  END IF;
END $$;

DROP FUNCTION IF EXISTS public.current_telegram_id();

NOTIFY pgrst, 'reload schema';
