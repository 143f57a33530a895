-- A small shop: three services over two days, whose figures can be worked out by hand. Rows are put in with bytes = 100.
INSERT INTO sources (source_id, path, family, generation, size, head, format, service, time_zone, state, first_seen_at)
VALUES (1, '/logs/shop.log', '/logs/shop.log', 1, 0, '', 'logpipe', 'web', 'UTC', 'active', '2026-01-01 00:00:00Z'),
    (2, '/logs/access.log', '/logs/access.log', 1, 0, '', 'combined', 'nginx', 'UTC', 'active', '2026-01-01 00:00:00Z');

-- 1,000 queries of one kind take 1 to 1,000 ms on the second day; 10 of another kind take 10 s each, every four hours from the first day on.
INSERT INTO events (ts, level, severity, stream, service, event, db_system, db_statement, duration_ms, module, function,
    line, source_id, source_pos, bytes)
SELECT TIMESTAMPTZ '2026-01-02 00:00:00Z' + i * INTERVAL 1 SECOND, 'INFO', 9, 'performance', 'web', 'database_query',
    'postgresql', 'SELECT * FROM orders WHERE id = ' || i, i, 'orders', 'find', 42, 1, i, 100
FROM range(1, 1001) AS numbers(i)
UNION ALL
SELECT TIMESTAMPTZ '2026-01-01 00:00:00Z' + i * INTERVAL 4 HOUR, 'INFO', 9, 'performance',
    CASE WHEN i % 2 = 0 THEN 'web' ELSE 'worker' END, 'database_query',
    'postgresql', 'DELETE FROM carts WHERE age > ' || i, 10_000, 'carts', 'sweep', 7, 1, 10_000 + i, 100
FROM range(10) AS numbers(i);

-- 400 requests of 20 ms on the second day, every 100th answered with 503, in an access log that gives no level.
INSERT INTO events (ts, severity, stream, service, http_method, http_route, http_status, duration_ms, message,
    source_id, source_pos, bytes)
SELECT TIMESTAMPTZ '2026-01-02 01:00:00Z' + i * INTERVAL 3 SECOND, 0, 'access', 'nginx', 'GET', '/orders/{id}',
    CASE WHEN i % 100 = 0 THEN 503 ELSE 200 END, 20, 'GET /orders/' || i, 2, i, 250
FROM range(400) AS numbers(i);

-- 3 exceptions raised in one place, 1 of another type without a traceback; 6 of 8 orders come from one user.
INSERT INTO events (ts, level, severity, stream, service, user_id, message, exception_type, exception_message,
    exception_stacktrace, logger, source_id, source_pos, bytes)
SELECT TIMESTAMPTZ '2026-01-02 02:00:00Z' + i * INTERVAL 1 MINUTE, 'ERROR', 17, 'error',
    CASE WHEN i = 0 THEN 'worker' ELSE 'web' END, 'u' || i, 'payment failed', 'shop.PaymentError', 'card ' || i || ' refused',
    E'Traceback (most recent call last):\n  File "/srv/shop/views.py", line 10, in buy\n    pay()\n'
    || E'  File "/srv/shop/payment.py", line ' || (80 + i) || E', in pay\n    raise PaymentError\nshop.PaymentError',
    'shop.views', 1, 20_000 + i, 600
FROM range(3) AS numbers(i);
INSERT INTO events (ts, level, severity, stream, service, message, exception_type, exception_message, logger, source_id,
    source_pos, bytes)
VALUES ('2026-01-01 10:00:00Z', 'CRITICAL', 21, 'error', 'worker', 'out of memory', 'MemoryError', '', 'shop.worker', 1,
    20_010, 80);
INSERT INTO events (ts, level, severity, stream, service, event, user_id, http_route, attributes, module, function, line,
    source_id, source_pos, bytes)
SELECT TIMESTAMPTZ '2026-01-02 02:30:00Z' + i * INTERVAL 1 MINUTE, 'INFO', 9, 'business', 'web', 'order_placed',
    CASE WHEN i < 6 THEN 'ada' ELSE 'ben' END, '/buy', '{"total": ' || i || '}', 'orders', 'place', 50, 1, 30_000 + i, 120
FROM range(8) AS numbers(i);
