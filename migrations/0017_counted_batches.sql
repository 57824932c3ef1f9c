-- Whether groups count a batch stands in the ledger, beside the batch: a checkpoint that goes back or is lost counts nothing twice.
-- What is stored is counted, apart from what waits behind the checkpoints. Each row changes once, soon after it came: its page keeps
-- the room for that, so no index is touched.
alter table ingest_batch add column grouped boolean not null default true;
alter table ingest_batch alter column grouped set default false;
alter table ingest_batch set (fillfactor = 50);
update ingest_batch b set grouped = false
from (
  select n.node_id, coalesce(c.batch_seq, 0) as batch_seq
  from (select distinct node_id from ingest_batch) n
  left join projection_checkpoint c on c.projection = 'failure_groups' and c.node_id = n.node_id
) counted
where b.node_id = counted.node_id and b.batch_seq > counted.batch_seq;

grant update (grouped) on ingest_batch to limpid_service;
