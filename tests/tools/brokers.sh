#!/bin/sh
# Prints rabbitmq=PATH:kafka=FOLDER, the server of RabbitMQ and the folder with the jars of Apache Kafka, which `java -cp`
# runs; installs Debian's packages when one is missing and we are root. Exits 3 with the reason on stderr when they
# cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/tools/lib.sh
. "$here/lib.sh"

version=3.9.1

find_programs() {
    PATH=$PATH:/usr/sbin
    rabbitmq=$(command -v rabbitmq-server) && command -v java >/dev/null && command -v mvn >/dev/null
}

if ! find_programs; then
    cannot="no RabbitMQ, Java and Maven here and none can be had"
    debian "$cannot" rabbitmq-server default-jre-headless maven
    find_programs || die 3 "$cannot: Debian's packages are laid out in another way"
fi

if ! kept kafka "$version"; then
    say "fetching Apache Kafka $version into $built: once, 46 MB"
    workdir "$cache" kafka
    mkdir "$work/new"
    cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lifesign</groupId><artifactId>tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
  </dependencies>
</project>
POM
    (cd "$work" && mvn -q -B dependency:copy-dependencies "-DoutputDirectory=$work/new" -DincludeScope=runtime) >&2 ||
        die 3 "Maven could not fetch Apache Kafka (see above): is Maven Central reachable?"
    mv "$work/new" "$built"
fi
printf 'rabbitmq=%s:kafka=%s\n' "$rabbitmq" "$built"
