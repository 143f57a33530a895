-- Loading the tables is not part of the story that the log tells.
SET log_min_duration_statement = -1;

CREATE TABLE products (
    id integer PRIMARY KEY,
    name text NOT NULL,
    price_cents integer NOT NULL,
    stock integer NOT NULL
);

INSERT INTO products
SELECT n, 'Product ' || n, 100 + n * 37 % 9900, 1000000
FROM generate_series(1, 2000) AS n;

-- Unlogged: filled twice as fast, and lost in a crash, which is no loss here.
CREATE UNLOGGED TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL,
    product_id integer NOT NULL,
    quantity integer NOT NULL,
    note text NOT NULL,
    ordered_at timestamptz NOT NULL
);

-- The orders of a customer lie far apart, as in a table that grew over years.
INSERT INTO orders (customer_id, product_id, quantity, note, ordered_at)
SELECT
    1 + n * 7919::bigint % 50000,
    1 + n * 104729::bigint % 2000,
    1 + n % 3,
    'Leave it at the door. ' || md5(n::text),
    now() - (2000000 - n) * interval '1 minute'
FROM generate_series(1, 2000000) AS n;

CREATE INDEX orders_customer_id_idx ON orders (customer_id);

GRANT SELECT, UPDATE ON products TO shop;
GRANT SELECT, INSERT ON orders TO shop;

VACUUM ANALYZE products;
VACUUM ANALYZE orders;
CHECKPOINT;
