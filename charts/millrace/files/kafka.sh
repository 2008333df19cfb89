# One broker and controller: its number is that of its pod. Formats its storage once, then becomes the server.
set -eu
number=${POD##*-}
properties=${TMPDIR:-/tmp}/server.properties
cp "$CONFIG/server.properties" "$properties"
cat >>"$properties" <<END
node.id=$number
advertised.listeners=PLAINTEXT://$POD.$DOMAIN:9092
END
"$KAFKA_BIN/kafka-storage.sh" format --ignore-formatted -t "$CLUSTER_ID" -c "$properties"
exec "$KAFKA_BIN/kafka-server-start.sh" "$properties"
