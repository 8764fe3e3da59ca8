-- A file of wanctl: what every cycle of a control loop measured, decided and took.
-- Times are microseconds since 1970 (UTC), durations microseconds, rates bit/s.
-- For reading, begin with the views at the end: spans, cycles, minutes, hours.

CREATE TABLE loop (
  id     INTEGER PRIMARY KEY,
  daemon TEXT NOT NULL, -- autorate, steering
  wan    TEXT NOT NULL,
  UNIQUE (daemon, wan)
) STRICT;

CREATE TABLE run ( -- one per start of a daemon's loop
  id         INTEGER PRIMARY KEY,
  loop_id    INTEGER NOT NULL REFERENCES loop,
  started_us INTEGER NOT NULL,
  version    TEXT NOT NULL,
  budget_us  INTEGER NOT NULL, -- the loop's interval: a longer cycle is an overrun
  reflectors TEXT NOT NULL,    -- JSON array, in the order of cycle.probes
  config     TEXT NOT NULL,    -- settings in force, JSON, without secrets
  state      TEXT NOT NULL,    -- the law's state at the start, JSON
  router     TEXT NOT NULL,    -- what the router told of itself
  sequential INTEGER NOT NULL, -- 1: the parts ran one after the other (imported)
  source     TEXT NOT NULL,    -- where imported cycles come from
  last_seq   INTEGER NOT NULL, -- its newest cycle, also where that is kept no longer
  last_us    INTEGER NOT NULL, -- both told once an hour
  UNIQUE (loop_id, started_us, source)
) STRICT;

CREATE TABLE label (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE target (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT; -- a reflector, a queue; 0: none
INSERT INTO target (id, name) VALUES (0, '');

CREATE TABLE cycle (
  start_us    INTEGER PRIMARY KEY, -- moved on by 1 us where two coincide
  run_id      INTEGER NOT NULL REFERENCES run,
  seq         INTEGER NOT NULL, -- 1 for the run's first
  late_us     INTEGER NOT NULL, -- actual minus scheduled start
  missed      INTEGER NOT NULL, -- slots passed over just before
  outcome     INTEGER NOT NULL, -- 0 ok, 1 failed, 2 timeout, 3 panic
  rtt_us      INTEGER,          -- NULL where the part did not run
  cake_us     INTEGER,
  rule_us     INTEGER,
  adjust_us   INTEGER,
  update_us   INTEGER,
  total_us    INTEGER NOT NULL,
  probes      TEXT,             -- JSON array: us per reflector of the run, null = lost
  measured_us INTEGER,          -- the RTT the law was given
  baseline_us INTEGER,
  load_us     INTEGER,          -- autorate: smoothed RTT; steering: smoothed delta
  down_zone   INTEGER,          -- 1 GREEN, 2 YELLOW, 3 SOFT_RED, 4 RED
  down_rate   INTEGER,          -- bit/s in force after the cycle
  down_drops  INTEGER,          -- packets, since the reading before
  down_queued INTEGER,          -- packets
  up_zone     INTEGER,
  up_rate     INTEGER,
  up_drops    INTEGER,
  up_queued   INTEGER,
  degraded    INTEGER,          -- steering: 1 = the rule is on
  written     INTEGER NOT NULL, -- 0 nothing to write, 1 written, 2 failed, 3 dry run, 4 held back
  note        TEXT              -- JSON object of what is rare: a part's outcome other than ok, "recovered" after
                                -- a crash, "lost" spans, steering's "queue" (smoothed depth, packets), and numbers
                                -- that whole microseconds cannot hold (..._ms)
) STRICT;

CREATE TABLE span ( -- whatever else was timed
  cycle_us  INTEGER NOT NULL,
  n         INTEGER NOT NULL,
  label_id  INTEGER NOT NULL REFERENCES label,
  target_id INTEGER NOT NULL REFERENCES target,
  offset_us INTEGER NOT NULL, -- from the cycle's start
  dur_us    INTEGER NOT NULL,
  outcome   INTEGER NOT NULL,
  PRIMARY KEY (cycle_us, n)
) STRICT, WITHOUT ROWID;

-- Note: a WITHOUT ROWID table moves a row of more than 1,002 bytes to a page of
-- its own, and a minute at 20 Hz is larger; a row id made of the key does not.
CREATE TABLE minute (
  id          INTEGER PRIMARY KEY, -- minute << 30 | loop_id << 22 | label_id << 12 | target_id
  minute      INTEGER NOT NULL,    -- minutes since 1970: datetime(minute * 60, 'unixepoch')
  loop_id     INTEGER NOT NULL REFERENCES loop,
  label_id    INTEGER NOT NULL REFERENCES label,
  target_id   INTEGER NOT NULL REFERENCES target,
  n           INTEGER NOT NULL, -- durations
  failed      INTEGER NOT NULL,
  over        INTEGER NOT NULL, -- of the cycle total: overruns
  missed      INTEGER NOT NULL, -- of the cycle total: missed slots
  min_us      INTEGER,          -- NULL where n = 0
  max_us      INTEGER,
  sum_us      INTEGER NOT NULL,
  p50_us      INTEGER,          -- nearest rank
  p95_us      INTEGER,
  p99_us      INTEGER,
  critical_us INTEGER NOT NULL, -- what cycles waited on it
  budget_us   INTEGER NOT NULL, -- of the cycle total: the cycles' budgets, summed
  dist        BLOB NOT NULL     -- the durations, sorted, as uvarint deltas
) STRICT;

CREATE TABLE hour ( -- what minutes become when they grow old
  id          INTEGER PRIMARY KEY, -- hour << 30 | loop_id << 22 | label_id << 12 | target_id
  hour        INTEGER NOT NULL,    -- hours since 1970
  loop_id     INTEGER NOT NULL REFERENCES loop,
  label_id    INTEGER NOT NULL REFERENCES label,
  target_id   INTEGER NOT NULL REFERENCES target,
  n           INTEGER NOT NULL,
  failed      INTEGER NOT NULL,
  over        INTEGER NOT NULL,
  missed      INTEGER NOT NULL,
  min_us      INTEGER,
  max_us      INTEGER,
  sum_us      INTEGER NOT NULL,
  p50_us      INTEGER, -- good to 0.5 %
  p95_us      INTEGER,
  p99_us      INTEGER,
  critical_us INTEGER NOT NULL,
  budget_us   INTEGER NOT NULL,
  dist        BLOB NOT NULL -- DDSketch of relative accuracy 0.005
) STRICT;

CREATE TABLE "drop" ( -- cycles that were run but not recorded
  at_us   INTEGER NOT NULL,
  loop_id INTEGER NOT NULL REFERENCES loop,
  count   INTEGER NOT NULL,
  reason  TEXT NOT NULL
) STRICT;
CREATE INDEX drop_at ON "drop" (at_us);

CREATE TABLE written (day INTEGER PRIMARY KEY, bytes INTEGER NOT NULL) STRICT; -- days since 1970; to storage, by the recorder

-- One row per timing, every label. A lost echo has no timing and no row.
CREATE VIEW spans AS
WITH c AS (
  SELECT cycle.*, loop.daemon, loop.wan, run.reflectors
  FROM cycle JOIN run ON run.id = run_id JOIN loop ON loop.id = loop_id
), s (start_us, daemon, wan, seq, label, target, duration_us, outcome) AS (
  SELECT start_us, daemon, wan, seq, daemon || '_rtt_measurement', '', rtt_us, coalesce(note ->> 'rtt', 'ok') FROM c WHERE rtt_us IS NOT NULL
  UNION ALL
  SELECT start_us, daemon, wan, seq, daemon || '_cake_stats_read', '', cake_us, coalesce(note ->> 'cake', 'ok') FROM c WHERE cake_us IS NOT NULL
  UNION ALL
  SELECT start_us, daemon, wan, seq, daemon || '_rule_check', '', rule_us, coalesce(note ->> 'rule', 'ok') FROM c WHERE rule_us IS NOT NULL
  UNION ALL
  SELECT start_us, daemon, wan, seq, daemon || '_adjust_state', '', adjust_us, coalesce(note ->> 'adjust', 'ok') FROM c WHERE adjust_us IS NOT NULL
  UNION ALL
  SELECT start_us, daemon, wan, seq, daemon || '_router_update', '', update_us, coalesce(note ->> 'update', 'ok') FROM c WHERE update_us IS NOT NULL
  UNION ALL
  SELECT start_us, daemon, wan, seq, daemon || '_cycle_total', '', total_us,
         CASE outcome WHEN 0 THEN 'ok' WHEN 2 THEN 'timeout' WHEN 3 THEN 'panic' ELSE 'failed' END FROM c
  UNION ALL
  SELECT start_us, daemon, wan, seq, daemon || '_probe', coalesce(reflectors ->> p.key, ''), p.value, 'ok'
  FROM c, json_each(c.probes) AS p WHERE p.value IS NOT NULL
  UNION ALL
  SELECT start_us, daemon, wan, seq, label.name, target.name, dur_us,
         CASE span.outcome WHEN 0 THEN 'ok' WHEN 2 THEN 'timeout' WHEN 3 THEN 'panic' ELSE 'failed' END
  FROM span JOIN c ON c.start_us = cycle_us JOIN label ON label.id = label_id JOIN target ON target.id = target_id
  WHERE NOT (span.outcome <> 0 AND label.name = daemon || '_probe')
)
SELECT strftime('%Y-%m-%d %H:%M:%f', start_us / 1e6, 'unixepoch') AS time, start_us AS unix_us, daemon, wan, seq AS cycle,
       label, target, duration_us, duration_us / 1000.0 AS duration_ms, outcome
FROM s;

-- One row per cycle, with names for numbers.
CREATE VIEW cycles AS
SELECT strftime('%Y-%m-%d %H:%M:%f', start_us / 1e6, 'unixepoch') AS time, start_us AS unix_us, daemon, wan, seq AS cycle,
       CASE outcome WHEN 0 THEN 'ok' WHEN 2 THEN 'timeout' WHEN 3 THEN 'panic' ELSE 'failed' END AS outcome,
       late_us / 1000.0 AS late_ms, missed, rtt_us / 1000.0 AS rtt_ms, cake_us / 1000.0 AS cake_ms, rule_us / 1000.0 AS rule_ms,
       adjust_us / 1000.0 AS adjust_ms, update_us / 1000.0 AS update_ms, total_us / 1000.0 AS total_ms, probes,
       coalesce(note ->> 'rtt_ms', measured_us / 1000.0) AS measured_ms,
       coalesce(note ->> 'baseline_ms', baseline_us / 1000.0) AS baseline_ms, load_us / 1000.0 AS load_ms,
       CASE down_zone WHEN 1 THEN 'GREEN' WHEN 2 THEN 'YELLOW' WHEN 3 THEN 'SOFT_RED' WHEN 4 THEN 'RED' END AS down_zone,
       down_rate, down_drops, down_queued,
       CASE up_zone WHEN 1 THEN 'GREEN' WHEN 2 THEN 'YELLOW' WHEN 3 THEN 'SOFT_RED' WHEN 4 THEN 'RED' END AS up_zone,
       up_rate, up_drops, up_queued, note ->> 'queue' AS queue, degraded,
       CASE written WHEN 1 THEN 'written' WHEN 2 THEN 'failed' WHEN 3 THEN 'dry' WHEN 4 THEN 'held' ELSE '' END AS router,
       coalesce(note ->> 'recovered', 0) AS recovered
FROM cycle JOIN run ON run.id = run_id JOIN loop ON loop.id = loop_id;

-- One row per minute and label: exact, also where the cycles are gone.
CREATE VIEW minutes AS
SELECT strftime('%Y-%m-%d %H:%M', minute * 60, 'unixepoch') AS time, daemon, wan, label.name AS label, target.name AS target,
       n, failed, over, missed, min_us / 1000.0 AS min_ms, max_us / 1000.0 AS max_ms, sum_us / 1000.0 / nullif(n, 0) AS avg_ms,
       p50_us / 1000.0 AS p50_ms, p95_us / 1000.0 AS p95_ms, p99_us / 1000.0 AS p99_ms, critical_us / 1000.0 AS critical_ms
FROM minute JOIN loop ON loop.id = loop_id JOIN label ON label.id = label_id JOIN target ON target.id = target_id;

-- One row per hour and label, for what is older than minutes are kept.
CREATE VIEW hours AS
SELECT strftime('%Y-%m-%d %H:00', hour * 3600, 'unixepoch') AS time, daemon, wan, label.name AS label, target.name AS target,
       n, failed, over, missed, min_us / 1000.0 AS min_ms, max_us / 1000.0 AS max_ms, sum_us / 1000.0 / nullif(n, 0) AS avg_ms,
       p50_us / 1000.0 AS p50_ms, p95_us / 1000.0 AS p95_ms, p99_us / 1000.0 AS p99_ms, critical_us / 1000.0 AS critical_ms
FROM hour JOIN loop ON loop.id = loop_id JOIN label ON label.id = label_id JOIN target ON target.id = target_id;
