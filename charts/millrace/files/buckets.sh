# Buckets, users and their rights, on the chart's own store. What is there stays as it is: safe to run again.
set -eu
export MC_CONFIG_DIR=/tmp/mc
until mc alias set store "$ENDPOINT" "$ROOT_USER" "$ROOT_PASSWORD" >/dev/null 2>&1; do sleep 2; done
for bucket in $BUCKETS; do mc mb --ignore-existing "store/$bucket"; done
grant() { # policy, user, password
    mc admin policy create store "$1" "/config/$1.json"
    mc admin user add store "$2" "$3"
    attached=$(mc admin user info store "$2")
    case $attached in *"PolicyName: $1"*) ;; *) mc admin policy attach store "$1" --user "$2" ;; esac
}
grant trainer "$TRAINER_USER" "$TRAINER_PASSWORD"
grant reader "$READER_USER" "$READER_PASSWORD"
grant mlflow "$MLFLOW_USER" "$MLFLOW_PASSWORD"
