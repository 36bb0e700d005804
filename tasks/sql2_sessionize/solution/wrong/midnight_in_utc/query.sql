-- Ends sessions at midnight in UTC.
-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH
  rule AS MATERIALIZED (
    SELECT
      zone,
      from_utc,
      offset_seconds,
      lead(from_utc) OVER next_rule AS until_utc,
      lead(offset_seconds) OVER next_rule AS next_offset
    FROM zone_rule
    WINDOW next_rule AS (PARTITION BY zone ORDER BY from_utc)
  ),
  clocked AS MATERIALIZED (
    SELECT event.id, event.visitor_id, visitor.zone, event.received_utc, unixepoch(event.local_time) AS shown
    FROM event
    JOIN visitor ON visitor.id = event.visitor_id
  ),
  showing (id, visitor_id, zone, received_utc, instant) AS MATERIALIZED (
    SELECT
      clocked.id,
      clocked.visitor_id,
      clocked.zone,
      clocked.received_utc,
      coalesce(
        max(shown - offset_seconds) FILTER (WHERE shown - offset_seconds <= received_utc),
        min(shown - offset_seconds)
      )
    FROM clocked
    JOIN rule ON rule.zone = clocked.zone
      AND shown - offset_seconds >= from_utc
      AND (until_utc IS NULL OR shown - offset_seconds < until_utc)
    GROUP BY clocked.id
  ),
  skipped (id, visitor_id, zone, received_utc, instant) AS (
    SELECT clocked.id, clocked.visitor_id, clocked.zone, clocked.received_utc, min(until_utc)
    FROM clocked
    JOIN rule ON rule.zone = clocked.zone AND shown - offset_seconds >= until_utc AND shown - next_offset < until_utc
    WHERE clocked.id NOT IN (SELECT id FROM showing)
    GROUP BY clocked.id
  ),
  placed AS (
    SELECT * FROM showing UNION ALL SELECT * FROM skipped
  ),
  heard AS MATERIALIZED (
    SELECT visitor_id, zone, instant, min(received_utc) AS received_utc
    FROM placed
    WHERE received_utc - instant <= (SELECT lateness_seconds FROM setting)
    GROUP BY visitor_id, instant
  ),
  local AS (
    SELECT
      visitor_id,
      instant,
      received_utc,
      datetime(
        instant + (
          SELECT offset_seconds
          FROM zone_rule
          WHERE zone_rule.zone = heard.zone AND from_utc <= instant
          ORDER BY from_utc DESC
          LIMIT 1
        ),
        'unixepoch'
      ) AS shown
    FROM heard
  ),
  marked AS (
    SELECT
      *,
      instant - lag(instant) OVER before <= (SELECT gap_seconds FROM setting)
        AND date(instant, 'unixepoch') = lag(date(instant, 'unixepoch')) OVER before IS TRUE AS goes_on
    FROM local
    WINDOW before AS (PARTITION BY visitor_id ORDER BY instant)
  ),
  numbered AS (
    SELECT *, sum(goes_on IS NOT TRUE) OVER (PARTITION BY visitor_id ORDER BY instant) AS session
    FROM marked
  ),
  sessions AS (
    SELECT
      visitor_id,
      session,
      min(shown) FILTER (WHERE goes_on IS NOT TRUE) AS started_local,
      min(instant) AS started_utc,
      max(instant) AS ended_utc,
      count(*) AS events,
      max(received_utc) AS complete_utc
    FROM numbered
    GROUP BY visitor_id, session
  )
SELECT
  visitor_id,
  session,
  date(started_local) AS local_date,
  started_local,
  started_utc,
  ended_utc,
  ended_utc - started_utc AS seconds,
  events,
  complete_utc,
  started_utc - lag(ended_utc) OVER (PARTITION BY visitor_id ORDER BY session) AS idle_before
FROM sessions
ORDER BY visitor_id, session;
