ALTER TABLE triages DROP COLUMN standing;
