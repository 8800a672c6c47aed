-- What a complaint or question leaves to do: actionable, over or venting.
ALTER TABLE triages ADD COLUMN standing TEXT;
