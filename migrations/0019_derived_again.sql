-- The daily counts of groups are derived again day by day, as the hourly ones are hour by hour. A day never changes, so an update touches no
-- index.
create index failure_group_1d_day on failure_group_1d (day);
-- Usage, too, is compared day by day.
create index delivery_usage_1h_hour on delivery_usage_1h (hour);
