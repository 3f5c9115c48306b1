-- The demo's database, after the guard is installed: a table to lock, and the role that locks it.

ALTER ROLE killgate PASSWORD 'demo';

CREATE ROLE shop LOGIN PASSWORD 'demo';
CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL, stock integer NOT NULL);
INSERT INTO products SELECT n, 'product ' || n, 1000 FROM generate_series(1, 1000) AS n;
GRANT SELECT, UPDATE ON products TO shop;
