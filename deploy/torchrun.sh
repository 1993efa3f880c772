#!/bin/sh
# Trains under torchrun, which restarts all processes if one fails.
#
#     PROCESSES=8 deploy/torchrun.sh contrast --method MoCov2 --data_folder /data --resume auto
#
# On several machines, run the same on each, with NODES (a number, or 2:4 for as many as there are)
# and the address of one of them:
#
#     NODES=4 PROCESSES=8 MEET=node0:29400 deploy/torchrun.sh contrast … --resume auto
#
# Debian 12's torchrun needs TORCHRUN="torchrun -r 1 -t 1".
set -eu
set -- --no_python --nproc_per_node "${PROCESSES:-2}" --max_restarts "${RESTARTS:-10}" \
	"${CONTRALENS:-contralens}" "$@"
if [ -n "${MEET:-}" ]; then
	set -- --nnodes "${NODES:-2}" --rdzv_backend c10d --rdzv_endpoint "$MEET" --rdzv_id "${JOB:-contralens}" "$@"
else
	set -- --standalone "$@"
fi
# shellcheck disable=SC2086
exec ${TORCHRUN:-torchrun} "$@"
