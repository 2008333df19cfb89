#!/bin/bash
# What PostgreSQL's own image does with POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB and PGDATA, as far as the chart uses it.
set -eu
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    initdb -U "$POSTGRES_USER" --pwfile=<(printf '%s' "$POSTGRES_PASSWORD") --auth-host=scram-sha-256 --auth-local=trust >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl -w -o "-c listen_addresses=''" start >/dev/null
    [[ $POSTGRES_DB == postgres ]] || createdb -U "$POSTGRES_USER" --maintenance-db=postgres "$POSTGRES_DB"
    pg_ctl -w -m fast stop >/dev/null
fi
exec postgres -c listen_addresses='*'
