CREATE OR REPLACE VIEW open_findings AS
SELECT severity, kind, service, subject, title, baseline, observed, unit, started_at, finding_id
FROM findings
WHERE status = 'open'
ORDER BY list_position(['critical', 'warning', 'info'], severity), score DESC, finding_id;
