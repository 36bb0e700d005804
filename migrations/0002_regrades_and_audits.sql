CREATE TABLE "audits" (
	"attempt_id" uuid NOT NULL,
	"rules_version" integer NOT NULL,
	"class" text NOT NULL,
	"findings" jsonb NOT NULL,
	"missing_events" integer NOT NULL,
	"audited_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "audits_attempt_id_rules_version_pk" PRIMARY KEY("attempt_id","rules_version"),
	CONSTRAINT "audits_class" CHECK (class in ('none', 'mentioned', 'attempted', 'reached'))
);
--> statement-breakpoint
CREATE TABLE "regrades" (
	"id" uuid PRIMARY KEY NOT NULL,
	"request_id" uuid NOT NULL,
	"sweep_id" uuid NOT NULL,
	"task_id" bigint NOT NULL,
	"run_id" bigint,
	"adopt" boolean NOT NULL,
	"requested_at" timestamp with time zone DEFAULT now() NOT NULL,
	"adopted_at" timestamp with time zone,
	"refusal" text DEFAULT '' NOT NULL
);
--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "audited_events" integer;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "set_aside_reason" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "grades" ADD COLUMN "regrade_id" uuid;--> statement-breakpoint
ALTER TABLE "grades" ADD COLUMN "baseline_id" uuid;--> statement-breakpoint
ALTER TABLE "grades" ADD COLUMN "tries" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
UPDATE "grades" SET "tries" = "number";--> statement-breakpoint
ALTER TABLE "audits" ADD CONSTRAINT "audits_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "regrades" ADD CONSTRAINT "regrades_sweep_id_sweeps_id_fk" FOREIGN KEY ("sweep_id") REFERENCES "public"."sweeps"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "regrades" ADD CONSTRAINT "regrades_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "regrades" ADD CONSTRAINT "regrades_run_id_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."runs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "regrades_by_sweep" ON "regrades" USING btree ("sweep_id","requested_at");--> statement-breakpoint
CREATE INDEX "regrades_to_adopt" ON "regrades" USING btree ("id") WHERE adopt and adopted_at is null and refusal = '';--> statement-breakpoint
ALTER TABLE "grades" ADD CONSTRAINT "grades_regrade_id_regrades_id_fk" FOREIGN KEY ("regrade_id") REFERENCES "public"."regrades"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "grades" ADD CONSTRAINT "grades_baseline_id_grades_id_fk" FOREIGN KEY ("baseline_id") REFERENCES "public"."grades"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attempts_to_audit" ON "attempts" USING btree ("ended_at") WHERE ended_at is not null and (audited_events is null or audited_events < trace_events);--> statement-breakpoint
CREATE INDEX "grades_of_regrade" ON "grades" USING btree ("regrade_id") WHERE regrade_id is not null;