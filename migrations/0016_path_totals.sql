-- Most questions ask for paths whatever their reason and origin. A span keeps each path's total beside its counts by reason and origin,
-- as reason 0 of origin 0. Spans counted before have none; their totals are added up when asked for.
alter table failure_top_path_span add column has_totals boolean not null default false;
