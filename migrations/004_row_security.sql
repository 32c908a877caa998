-- Who may see and change what. Everything is closed first, then each door is opened by name.
--
-- Roles: anon gets nothing. authenticated sees its own rows and may answer its own open reminders. service_role (or
-- project_admin) is the service: its role bypasses row security. A role that does not exist here is passed over; run this file
-- again after creating it. Row security is not forced upon the tables' owner: on InsForge that is the service, and
-- current_telegram_id() reads the account links as their owner. Safe to run again. Run the file in one transaction.

DO $$ BEGIN PERFORM pg_advisory_xact_lock(5870237214046); END $$;

-- The Telegram user on whose behalf the request is made, or NULL, which no row's telegram_id equals.
--
-- A claim `telegram_id` decides alone where it is present: one that is no positive integer is a mistake of whoever
-- issued the token, and must not turn into somebody else's rows by way of `sub`. Without it, `sub` is looked up.
--
-- SECURITY DEFINER because the caller may not read telegram_accounts: it tells them their own id and nothing else. The
-- search_path keeps a caller's own tables, types and operators out of a function that runs with its owner's rights. It
-- names pg_temp because a path that does not has the caller's temporary types first; named, they come after PostgreSQL's.
CREATE OR REPLACE FUNCTION public.current_telegram_id() RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_temp
AS $$
DECLARE
  claims jsonb := NULLIF(current_setting('request.jwt.claims', true), '')::jsonb;
BEGIN
  IF claims ? 'telegram_id' THEN
    -- Eighteen digits always fit a bigint; a longer number is nobody's id rather than an error.
    RETURN CASE WHEN claims ->> 'telegram_id' ~ '^[1-9][0-9]{0,17}$' THEN (claims ->> 'telegram_id')::bigint END;
  END IF;
  RETURN (
    SELECT account.telegram_id
    FROM public.telegram_accounts AS account
    WHERE account.user_id = CASE
      WHEN claims ->> 'sub' ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
      THEN (claims ->> 'sub')::uuid END
  );
END $$;

-- Close: what default privileges or an older installation have given away, on tables, on the sequences behind their
-- keys, and on the function, which every role may call unless told otherwise. CASCADE, for who was given a right to pass on.
DO $$
DECLARE
  our_tables CONSTANT text := 'public.lead_registry, public.lead_activity_log, public.scheduled_reminders, public.bot_users, public.service_leases, public.telegram_accounts';
  keyed_table text;
  key_sequence text;
  outsider text;
BEGIN
  FOR outsider IN
    SELECT 'PUBLIC' UNION ALL SELECT quote_ident(rolname) FROM pg_roles WHERE rolname IN ('anon', 'authenticated')
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', our_tables, outsider);
    EXECUTE format('REVOKE ALL ON FUNCTION public.current_telegram_id() FROM %s CASCADE', outsider);
    FOREACH keyed_table IN ARRAY ARRAY['public.lead_registry', 'public.lead_activity_log', 'public.scheduled_reminders'] LOOP
      key_sequence := pg_get_serial_sequence(keyed_table, 'id');
      IF key_sequence IS NOT NULL THEN
        EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM %s CASCADE', key_sequence, outsider);
      END IF;
    END LOOP;
  END LOOP;
END $$;

-- Close: policies are joined by OR, so any other that applies to users or to anon would open what ours keep closed, be it
-- USING (true), "is signed in", or their own rows in whatever state. Policies for other roles, and restrictive ones, stay.
DROP POLICY IF EXISTS lead_registry_own ON public.lead_registry;
DROP POLICY IF EXISTS lead_activity_log_own ON public.lead_activity_log;
DROP POLICY IF EXISTS bot_users_own ON public.bot_users;
DROP POLICY IF EXISTS scheduled_reminders_own ON public.scheduled_reminders;
DROP POLICY IF EXISTS scheduled_reminders_answer ON public.scheduled_reminders;

DO $$
DECLARE
  other record;
BEGIN
  FOR other IN
    SELECT p.polname, p.polrelid::regclass AS on_table
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE c.relnamespace = 'public'::regnamespace
      AND c.relname IN ('lead_registry', 'lead_activity_log', 'scheduled_reminders', 'bot_users', 'service_leases', 'telegram_accounts')
      AND p.polpermissive
      AND (0 = ANY (p.polroles) OR EXISTS (
        SELECT FROM pg_roles outsider, unnest(p.polroles) AS member_of (role)
        WHERE outsider.rolname IN ('anon', 'authenticated') AND pg_has_role(outsider.oid, member_of.role, 'USAGE')))
  LOOP
    RAISE WARNING 'policy "%" on % is dropped: beside ours it would let users see or change more than they may', other.polname, other.on_table;
    EXECUTE format('DROP POLICY %I ON %s', other.polname, other.on_table);
  END LOOP;
END $$;

-- Open, for the service: its rows are everyone's, so it needs the privilege to bypass row security, which only its
-- role's creator can give.
DO $$
DECLARE
  our_tables CONSTANT text := 'public.lead_registry, public.lead_activity_log, public.scheduled_reminders, public.bot_users, public.service_leases, public.telegram_accounts';
  keyed_table text;
  key_sequence text;
  service record;
BEGIN
  FOR service IN SELECT rolname, rolbypassrls OR rolsuper AS bypasses FROM pg_roles WHERE rolname IN ('service_role', 'project_admin') LOOP
    -- Only where it is lacking: a migrating role that does not own the schema could not grant it.
    IF NOT has_schema_privilege(service.rolname, 'public', 'USAGE') THEN
      EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', service.rolname);
    END IF;
    -- Rows only: no TRUNCATE, no triggers.
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', our_tables, service.rolname);
    FOREACH keyed_table IN ARRAY ARRAY['public.lead_registry', 'public.lead_activity_log', 'public.scheduled_reminders'] LOOP
      key_sequence := pg_get_serial_sequence(keyed_table, 'id');
      -- An identity column needs no right on its sequence; a serial column of an older table does.
      IF key_sequence IS NOT NULL THEN
        EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %s TO %I', key_sequence, service.rolname);
      END IF;
    END LOOP;
    -- Handy for whoever debugs row security with the service key; it tells nothing that the key cannot read.
    EXECUTE format('GRANT EXECUTE ON FUNCTION public.current_telegram_id() TO %I', service.rolname);
    IF NOT service.bypasses AND NOT pg_has_role(service.rolname, (SELECT relowner FROM pg_class WHERE oid = 'public.scheduled_reminders'::regclass), 'USAGE') THEN
      RAISE WARNING 'role % does not bypass row security and will see no rows: ALTER ROLE % BYPASSRLS', service.rolname, service.rolname;
    END IF;
  END LOOP;
END $$;

-- Open, for a signed-in user: their own rows. Each condition compares with a sub-select, which is evaluated once for
-- a statement and can be looked up in the index on telegram_id; a bare call would run for every row.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticated') THEN
    RETURN;
  END IF;

  -- As for the service: only where it is lacking.
  IF NOT has_schema_privilege('authenticated', 'public', 'USAGE') THEN
    GRANT USAGE ON SCHEMA public TO authenticated;
  END IF;

  -- A policy's condition is evaluated with the rights of the role that asks.
  GRANT EXECUTE ON FUNCTION public.current_telegram_id() TO authenticated;

  -- Reading only: the service writes leads, history and settings, on the user's word in the chat.
  GRANT SELECT ON public.lead_registry, public.lead_activity_log, public.bot_users, public.scheduled_reminders TO authenticated;

  CREATE POLICY lead_registry_own ON public.lead_registry FOR SELECT TO authenticated
    USING (telegram_id = (SELECT public.current_telegram_id()));
  CREATE POLICY lead_activity_log_own ON public.lead_activity_log FOR SELECT TO authenticated
    USING (telegram_id = (SELECT public.current_telegram_id()));
  CREATE POLICY bot_users_own ON public.bot_users FOR SELECT TO authenticated
    USING (telegram_id = (SELECT public.current_telegram_id()));
  CREATE POLICY scheduled_reminders_own ON public.scheduled_reminders FOR SELECT TO authenticated
    USING (telegram_id = (SELECT public.current_telegram_id()));

  -- Answering a reminder: these four columns, so that no reminder moves to another lead, user, plan or text.
  GRANT UPDATE (status, due_at, snooze_count, completed_at) ON public.scheduled_reminders TO authenticated;

  -- From an open state to an answer, never back: reopening would send again, and a snooze must lie ahead. The bounds on
  -- dates and on the counter keep out what PostgreSQL stores and the service could not read or count on from
  -- (infinity, years beyond 9999): one user's row must not stop everyone's.
  CREATE POLICY scheduled_reminders_answer ON public.scheduled_reminders FOR UPDATE TO authenticated
    USING (
      telegram_id = (SELECT public.current_telegram_id())
      AND status IN ('pending', 'sent', 'snoozed'))
    WITH CHECK (
      telegram_id = (SELECT public.current_telegram_id())
      AND (status IN ('completed', 'skipped') OR status = 'snoozed' AND due_at > now())
      AND due_at >= '0001-01-01 00:00:00+00' AND due_at < '9999-12-31 00:00:00+00'
      AND (completed_at IS NULL OR completed_at >= '0001-01-01 00:00:00+00' AND completed_at < '9999-12-31 00:00:00+00')
      AND snooze_count BETWEEN 0 AND 1000);
END $$;

NOTIFY pgrst, 'reload schema';
