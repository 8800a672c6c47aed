DROP INDEX triages_created;
DROP INDEX links_created;
DROP TABLE spike_members;
DROP TABLE spikes;
