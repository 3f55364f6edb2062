-- The version to go back to, and what is set for a type: a JSON object, as the API has it.
ALTER TABLE actor_type ADD COLUMN previous_version INTEGER;
ALTER TABLE actor_type ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
