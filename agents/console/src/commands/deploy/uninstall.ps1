# Removes the agents of Mailferry from this node: services and programs. Their folders stay; -Purge removes them as well.
param([switch]$Purge)
$ErrorActionPreference = 'Stop'
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$node = Get-Content -Raw -Encoding UTF8 (Join-Path $here 'node.json') | ConvertFrom-Json
foreach ($agent in $node.agents) {
    $program = Join-Path $node.programs "mailferry-$agent.exe"
    if ((Test-Path $program) -and (Get-Service "Mailferry$agent" -ErrorAction SilentlyContinue)) {
        & $program service uninstall
        if ($LASTEXITCODE -ne 0) { throw "The service of the $agent agent could not be removed: its program stays." }
    }
}
foreach ($name in $node.names) { Remove-Item (Join-Path $node.programs $name) -ErrorAction SilentlyContinue }
if ($Purge) { foreach ($agent in $node.agents) { Remove-Item -Recurse -Force (Join-Path $node.folder $agent) -ErrorAction SilentlyContinue } }
