-- Every batch of intake asks for the members of whom GitHub could not be asked: few, among many whose ids are not known yet.
CREATE INDEX members_failed ON members (id) WHERE user_id IS NULL AND lookup_failed = 1;
