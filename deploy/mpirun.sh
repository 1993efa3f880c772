#!/bin/sh
# Trains under Open MPI's mpirun; MPI only starts the processes. On this machine:
#
#     PROCESSES=8 deploy/mpirun.sh contrast --method MoCov2 --data_folder /data --resume auto
#
# On several, with a file of hosts ("node0 slots=8" in each line), and rank 0's address:
#
#     HOSTS=hosts PROCESSES=32 MEET=node0:29500 deploy/mpirun.sh contrast … --resume auto
set -eu
set -- "${CONTRALENS:-contralens}" "$@"
if [ -n "${MEET:-}" ]; then
	set -- --hostfile "$HOSTS" -x MASTER_ADDR="${MEET%:*}" -x MASTER_PORT="${MEET##*:}" "$@"
fi
# Without a binding, each process uses the processors of its share.
# shellcheck disable=SC2086
exec mpirun -n "${PROCESSES:-2}" --bind-to none ${MPIRUN_OPTIONS:-} "$@"
