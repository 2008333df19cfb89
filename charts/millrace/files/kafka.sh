# One broker and controller: its number is that of its pod. Formats its storage once, then becomes the server.
set -eu
number=${POD##*-}
cp /config/server.properties /tmp/server.properties
cat >>/tmp/server.properties <<END
node.id=$number
advertised.listeners=PLAINTEXT://$POD.$DOMAIN:9092
END
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted -t "$CLUSTER_ID" -c /tmp/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties
