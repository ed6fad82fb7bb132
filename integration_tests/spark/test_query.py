"""What a query of a Connect session is understood to read, and what it is not."""

from __future__ import annotations

import pytest

from autolog.spark.query import tables


@pytest.mark.parametrize(
    ("query", "read"),
    [
        ("SELECT * FROM a", "a"),
        (
            "SELECT * FROM a, b.c x JOIN d ON x.i = d.i, e WHERE f IN (SELECT g FROM h)",
            "a b.c d e h",
        ),
        ("SELECT * FROM (SELECT a, b FROM c) d, (e LEFT JOIN f USING (g, h)) i, j", "c e f j"),
        ("SELECT count(*), sum(a) FROM `my table` UNION ALL SELECT 1, b FROM c", "my table|c"),
        ("WITH a AS (SELECT * FROM b), c (x, y) AS (SELECT 1, 2) SELECT * FROM a, C, d", "b d"),
        ("WITH a AS (SELECT * FROM b) FROM a, c", "b c"),
        ("INSERT INTO a SELECT * FROM b", "b"),
        ("CREATE TABLE a USING parquet AS SELECT * FROM b", "b"),
        ("MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE", "b"),
        ("DELETE FROM a WHERE i IN (SELECT i FROM b)", "b"),
        ("SELECT * FROM a LATERAL VIEW explode(xs) b AS c, d", "a"),
        ("SELECT * FROM a TABLESAMPLE (10 PERCENT) x, b", "a b"),
        ("FROM a |> WHERE x > 1 |> JOIN b USING (i)", "a b"),
        ("TABLE a", "a"),
        # FROM that comes before no table
        (
            "SELECT extract(YEAR FROM d), trim(BOTH 'x' FROM e) FROM a WHERE b IS DISTINCT FROM c",
            "a",
        ),
        ("SELECT 'it''s from b', \"from c\" FROM a -- from d\n/* join e */", "a"),
        ("SELECT * FROM range(10), VALUES (1) AS v, a", "a"),
        ("SELECT trim(lower(b) FROM c), d FROM a", "a"),
        ("SHOW TABLES FROM a", ""),
        # what is no query at all
        ("", ""),
        ("FROM", ""),
        (")) FROM ((", ""),
        ("AS ( AS (", ""),
        # known limits: such a name is not told from the text
        ("SELECT * FROM identifier('a')", ""),
        ("DESCRIBE TABLE a", ""),
    ],
)
def test_tables(query, read):
    split = "|" if "|" in read else None
    assert [".".join(parts) for parts in tables(query)] == read.split(split)


def test_files():
    query = "SELECT * FROM parquet.`/a b/c,d` JOIN csv . `s3://e/f``g`"
    assert tables(query) == [["parquet", "/a b/c,d"], ["csv", "s3://e/f`g"]]
