-- Takes back 001. A table that 001 created goes, with its rows; one that was there before keeps its rows and its own
-- columns and loses what was added. Row security stays on.
DO $$ BEGIN PERFORM pg_advisory_xact_lock(5870237214046); END $$;

DO $$
BEGIN
  IF obj_description(to_regclass('public.lead_activity_log'), 'pg_class') LIKE 'Followthrough: % Created by 001_leads.' THEN
    DROP TABLE public.lead_activity_log;
  END IF;
  DROP INDEX IF EXISTS public.lead_activity_log_lead_id_created_at_idx;
  DROP INDEX IF EXISTS public.lead_activity_log_telegram_id_created_at_idx;

  IF obj_description(to_regclass('public.lead_registry'), 'pg_class') LIKE 'Followthrough: % Created by 001_leads.' THEN
    DROP TABLE public.lead_registry;
  ELSIF to_regclass('public.lead_registry') IS NOT NULL THEN
    ALTER TABLE public.lead_registry
      DROP COLUMN IF EXISTS source_ref,
      DROP COLUMN IF EXISTS proposed_plan;
  END IF;
  DROP INDEX IF EXISTS public.lead_registry_telegram_id_id_idx;
  DROP INDEX IF EXISTS public.lead_registry_next_followup_idx;
END $$;

NOTIFY pgrst, 'reload schema';
