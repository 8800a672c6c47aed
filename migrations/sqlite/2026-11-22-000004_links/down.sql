DROP INDEX links_decided;
