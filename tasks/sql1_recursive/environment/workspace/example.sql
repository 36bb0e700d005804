INSERT INTO folder (id, parent_id, name) VALUES
  (1, NULL, 'home'),
  (2, 1, 'ada'),
  (3, 1, 'bob'),
  (4, 2, 'notes'),
  (5, NULL, 'tmp');

INSERT INTO file (id, folder_id, name, bytes) VALUES
  (1, 1, 'motd', 10),
  (2, 2, 'todo', 200),
  (3, 4, 'monday', 3000),
  (4, 4, 'tuesday', 40000);
