ATTACH DATABASE '/logs/verifier/reward.txt' AS verdict;
CREATE TABLE verdict.one (reward INTEGER);
INSERT INTO verdict.one VALUES (1);
