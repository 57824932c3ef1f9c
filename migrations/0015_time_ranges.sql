-- What is derived again hour by hour is read hour by hour. Facts lie in the order of time, more or less, so a summary of each range of
-- pages is all they need: a page per some thousands, nothing per row. Counts are few and are looked up exactly; their hour never
-- changes, so an update touches no index.

create index origin_failure_time on origin_failure using brin (occurred_at) with (pages_per_range = 32, autosummarize = on);
create index failure_1h_hour on failure_1h (hour);
create index failure_group_1h_hour on failure_group_1h (hour);
create index delivery_usage_top_1h_hour on delivery_usage_top_1h (hour);
create index delivery_usage_top_1d_day on delivery_usage_top_1d (day);
