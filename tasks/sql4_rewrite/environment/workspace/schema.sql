-- The tables. There are no other indexes than those of the primary keys, and none can be added.
CREATE TABLE customer (id INTEGER PRIMARY KEY, region TEXT);
CREATE TABLE sale (
  id INTEGER PRIMARY KEY,
  product_id INTEGER,
  customer_id INTEGER,
  sold_at INTEGER NOT NULL, -- seconds since 1970
  quantity INTEGER,
  paid_cents INTEGER
);
CREATE TABLE price (id INTEGER PRIMARY KEY, product_id INTEGER, from_at INTEGER NOT NULL, cents INTEGER);
CREATE TABLE recall (id INTEGER PRIMARY KEY, product_id INTEGER, region TEXT);
