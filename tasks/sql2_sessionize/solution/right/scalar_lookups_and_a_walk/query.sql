-- Looks each instant up by subqueries on the rules, then walks from event to event by recursion.
-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH RECURSIVE
  stamped AS (
    SELECT
      event.id,
      visitor_id,
      zone,
      received_utc,
      (julianday(substr(local_time, 1, 10)) - 2440587.5) * 86400
        + substr(local_time, 12, 2) * 3600 + substr(local_time, 15, 2) * 60 + substr(local_time, 18, 2) AS shown
    FROM event
    JOIN visitor ON visitor.id = event.visitor_id
  ),
  candidate AS MATERIALIZED (
    SELECT stamped.id, CAST(round(shown - rule.offset_seconds) AS INTEGER) AS instant, received_utc
    FROM stamped
    JOIN zone_rule AS rule ON rule.zone = stamped.zone AND rule.from_utc <= round(shown - rule.offset_seconds)
    WHERE NOT EXISTS (
      SELECT 1
      FROM zone_rule AS later
      WHERE later.zone = rule.zone AND later.from_utc > rule.from_utc
        AND later.from_utc <= round(shown - rule.offset_seconds)
    )
  ),
  leap AS MATERIALIZED (
    SELECT
      later.zone,
      later.from_utc,
      later.from_utc + later.offset_seconds AS end_shown,
      later.from_utc + (
        SELECT offset_seconds
        FROM zone_rule AS earlier
        WHERE earlier.zone = later.zone AND earlier.from_utc < later.from_utc
        ORDER BY from_utc DESC
        LIMIT 1
      ) AS first_shown
    FROM zone_rule AS later
  ),
  placed AS MATERIALIZED (
    SELECT
      stamped.visitor_id,
      stamped.zone,
      stamped.received_utc,
      coalesce(
        (SELECT max(instant) FROM candidate WHERE candidate.id = stamped.id AND instant <= candidate.received_utc),
        (SELECT min(instant) FROM candidate WHERE candidate.id = stamped.id),
        (
          SELECT min(from_utc)
          FROM leap
          WHERE leap.zone = stamped.zone AND round(shown) >= first_shown AND round(shown) < end_shown
        )
      ) AS instant
    FROM stamped
  ),
  heard AS (
    SELECT visitor_id, zone, instant, min(received_utc) AS received_utc
    FROM placed
    WHERE received_utc - instant <= (SELECT lateness_seconds FROM setting)
    GROUP BY visitor_id, instant
  ),
  lined_up AS MATERIALIZED (
    SELECT
      row_number() OVER (ORDER BY visitor_id, instant) AS place,
      visitor_id,
      instant,
      received_utc,
      (
        SELECT datetime(instant + offset_seconds, 'unixepoch')
        FROM zone_rule
        WHERE zone_rule.zone = heard.zone AND from_utc <= instant
        ORDER BY from_utc DESC
        LIMIT 1
      ) AS shown
    FROM heard
  ),
  walk (place, visitor_id, instant, received_utc, shown, session, is_first) AS (
    SELECT place, visitor_id, instant, received_utc, shown, 1, 1 FROM lined_up WHERE place = 1
    UNION ALL
    SELECT
      here.place,
      here.visitor_id,
      here.instant,
      here.received_utc,
      here.shown,
      CASE
        WHEN here.visitor_id <> walk.visitor_id THEN 1
        WHEN here.instant - walk.instant > gap_seconds OR date(here.shown) <> date(walk.shown) THEN walk.session + 1
        ELSE walk.session
      END,
      here.visitor_id <> walk.visitor_id OR here.instant - walk.instant > gap_seconds
        OR date(here.shown) <> date(walk.shown)
    FROM walk, setting
    JOIN lined_up AS here ON here.place = walk.place + 1
  )
SELECT
  visitor_id,
  session,
  max(date(shown)) AS local_date,
  max(shown) FILTER (WHERE is_first) AS started_local,
  min(instant) AS started_utc,
  max(instant) AS ended_utc,
  max(instant) - min(instant) AS seconds,
  count(*) AS events,
  max(received_utc) AS complete_utc,
  min(instant) - lag(max(instant)) OVER (PARTITION BY visitor_id ORDER BY session) AS idle_before
FROM walk
GROUP BY visitor_id, session
ORDER BY visitor_id, session;
