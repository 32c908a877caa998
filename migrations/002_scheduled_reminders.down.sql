-- Takes back 002. A table that 002 created goes, with its rows. A table that was there before keeps its rows and loses
-- what was added; a reminder in one of our states gets the nearest older one. The state and the counters go on refusing
-- NULL, which they may have done before. Row security stays on, and a policy that had the table open does not come back:
-- write one that says who may see what.
DO $$ BEGIN PERFORM pg_advisory_xact_lock(5870237214046); END $$;

DO $$
BEGIN
  IF to_regclass('public.scheduled_reminders') IS NULL THEN
    RETURN;
  END IF;
  IF obj_description('public.scheduled_reminders'::regclass, 'pg_class') LIKE 'Followthrough: % Created by 002_scheduled_reminders.' THEN
    DROP TABLE public.scheduled_reminders;
    RETURN;
  END IF;

  ALTER TABLE public.scheduled_reminders DROP CONSTRAINT IF EXISTS scheduled_reminders_status_check;
  -- A snoozed row waits for its due_at just as a pending one does; a parked one must not be sent, and where 002 parked it
  -- for a word that it did not know, the word comes back.
  IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.scheduled_reminders'::regclass AND attname = 'last_error' AND NOT attisdropped) THEN
    UPDATE public.scheduled_reminders
    SET status = CASE status
      WHEN 'snoozed' THEN 'pending'
      ELSE COALESCE(NULLIF(substring(last_error FROM '^status before migration: (.*)$'), 'NULL'), 'cancelled') END
    WHERE status IN ('snoozed', 'parked');
  END IF;

  DROP INDEX IF EXISTS public.scheduled_reminders_lead_id_plan_version_step_id_key;
  DROP INDEX IF EXISTS public.scheduled_reminders_due_idx;
  DROP INDEX IF EXISTS public.scheduled_reminders_telegram_id_status_due_at_idx;
  DROP INDEX IF EXISTS public.scheduled_reminders_over_idx;
  ALTER TABLE public.scheduled_reminders
    DROP COLUMN IF EXISTS plan_version,
    DROP COLUMN IF EXISTS planned_at,
    DROP COLUMN IF EXISTS timing_source,
    DROP COLUMN IF EXISTS telegram_message_id,
    DROP COLUMN IF EXISTS last_error;
END $$;

NOTIFY pgrst, 'reload schema';
