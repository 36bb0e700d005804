-- Shown and skipped stretches of local time side by side, ranked for each event; sessions keyed by their start.
-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH
  change AS (
    SELECT
      zone,
      from_utc,
      offset_seconds AS after,
      lag(offset_seconds) OVER (PARTITION BY zone ORDER BY from_utc) AS before,
      lead(from_utc, 1, 9e15) OVER (PARTITION BY zone ORDER BY from_utc) AS until_utc
    FROM zone_rule
  ),
  stretch (zone, leap, first_shown, end_shown, offset_seconds) AS MATERIALIZED (
    SELECT zone, NULL, from_utc + after, until_utc + after, after FROM change
    UNION ALL
    SELECT zone, from_utc, from_utc + before, from_utc + after, NULL FROM change WHERE after > before
  ),
  stamped AS (
    SELECT event.*, visitor.zone, CAST(strftime('%s', local_time) AS INTEGER) AS shown
    FROM event
    JOIN visitor ON visitor.id = event.visitor_id
  ),
  possible AS (
    SELECT
      stamped.*,
      leap IS NOT NULL AS is_leap,
      coalesce(leap, shown - offset_seconds) AS instant
    FROM stamped
    JOIN stretch ON stretch.zone = stamped.zone AND first_shown <= shown AND shown < end_shown
  ),
  ranked AS (
    SELECT
      *,
      row_number() OVER (
        PARTITION BY id
        ORDER BY is_leap, instant > received_utc, iif(is_leap OR instant > received_utc, instant, -instant)
      ) AS place
    FROM possible
  ),
  heard AS (
    SELECT visitor_id, zone, instant, min(received_utc) AS received_utc
    FROM ranked, setting
    WHERE place = 1 AND instant + lateness_seconds >= received_utc
    GROUP BY visitor_id, zone, instant
  ),
  dated AS MATERIALIZED (
    SELECT
      heard.*,
      strftime('%Y-%m-%d %H:%M:%S', instant + (
        SELECT offset_seconds FROM change_at WHERE change_at.zone = heard.zone AND from_utc <= instant
        ORDER BY from_utc DESC LIMIT 1
      ), 'unixepoch') AS shown
    FROM heard
  ),
  change_at AS (SELECT zone, from_utc, offset_seconds FROM zone_rule),
  starts AS (
    SELECT
      *,
      CASE
        WHEN instant <= lag(instant) OVER earlier + gap_seconds
          AND substr(shown, 1, 10) = substr(lag(shown) OVER earlier, 1, 10)
          THEN NULL
        ELSE instant
      END AS start
    FROM dated, setting
    WINDOW earlier AS (PARTITION BY visitor_id ORDER BY instant)
  ),
  keyed AS (
    SELECT *, max(start) OVER (PARTITION BY visitor_id ORDER BY instant ROWS UNBOUNDED PRECEDING) AS session_start
    FROM starts
  ),
  sessions AS (
    SELECT
      visitor_id,
      session_start,
      max(instant) AS ended_utc,
      count(*) AS events,
      max(received_utc) AS complete_utc,
      max(iif(instant = session_start, shown, '')) AS started_local
    FROM keyed
    GROUP BY visitor_id, session_start
  )
SELECT
  visitor_id,
  row_number() OVER of_visitor AS session,
  substr(started_local, 1, 10) AS local_date,
  started_local,
  session_start AS started_utc,
  ended_utc,
  ended_utc - session_start AS seconds,
  events,
  complete_utc,
  session_start - lag(ended_utc) OVER of_visitor AS idle_before
FROM sessions
WINDOW of_visitor AS (PARTITION BY visitor_id ORDER BY session_start)
ORDER BY 1, 2
