# Turns what `go version -m` prints of programs into a CycloneDX document of the modules in them.
$1 == "dep" && !seen[$2 $3]++ {
    components = components (components ? "," : "") sprintf("{\"type\":\"library\",\"name\":\"%s\",\"version\":\"%s\",\"purl\":\"pkg:golang/%s@%s\"}", $2, $3, $2, $3)
}
END {
    printf "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"version\":1,\"components\":[%s]}\n", components
}
