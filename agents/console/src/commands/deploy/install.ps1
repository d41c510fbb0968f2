# Installs the agents of Mailferry on this node as services. Run it as an administrator, as often as you like.
# Exit codes: 0 done, 1 failed.
param([switch]$Start, [string]$Account)
$ErrorActionPreference = 'Stop'
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$node = Get-Content -Raw -Encoding UTF8 (Join-Path $here 'node.json') | ConvertFrom-Json
$principal = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) { throw 'This must run as an administrator.' }
foreach ($file in $node.files) {
    $path = Join-Path $here $file.name
    if (-not (Test-Path $path) -or (Get-Item $path).Length -ne $file.size) { throw "$($file.name) is missing or damaged: bring the whole folder over once more." }
}
New-Item -ItemType Directory -Force $node.programs, $node.folder | Out-Null
$running = @($node.agents | Where-Object { (Get-Service "Mailferry$_" -ErrorAction SilentlyContinue).Status -eq 'Running' })
foreach ($name in $node.names) {
    $from = Join-Path $here "bin\$name"; $to = Join-Path $node.programs $name
    if ((Test-Path $to) -and (Get-FileHash $from).Hash -eq (Get-FileHash $to).Hash) { continue }
    # A program that runs cannot be replaced on Windows: its service is stopped first, and started again below.
    $agent = $node.agents | Where-Object { $name -eq "mailferry-$_.exe" }
    if ($agent -and $running -contains $agent) { Stop-Service "Mailferry$agent" }
    Copy-Item $from "$to.part" -Force
    Move-Item "$to.part" $to -Force
    "program $to is installed"
}
foreach ($agent in $node.agents) {
    $folder = Join-Path $node.folder $agent
    New-Item -ItemType Directory -Force $folder | Out-Null
    if (-not (Test-Path (Join-Path $folder 'desired.toml'))) {
        foreach ($name in 'config.ini', 'desired.toml') { Copy-Item (Join-Path $here "agents\$agent\$name") (Join-Path $folder $name) }
        "$folder has commit $($node.commit)"
    }
    # A service that is there stays: the manager refuses a second one of that name, and one that runs is not started.
    if (-not (Get-Service "Mailferry$agent" -ErrorAction SilentlyContinue)) {
        $words = @('service', 'install', '--config', (Join-Path $folder 'config.ini'))
        if ($Account) { $words += @('--account', $Account) }
        & (Join-Path $node.programs "mailferry-$agent.exe") @words
        if ($LASTEXITCODE -ne 0) { throw "The service of the $agent agent could not be installed." }
    } elseif ($Account) { "the service of the $agent agent is there, and its account stays: run uninstall.ps1 first to change it" }
    if (($Start -or $running -contains $agent) -and (Get-Service "Mailferry$agent").Status -ne 'Running') {
        & (Join-Path $node.programs "mailferry-$agent.exe") service start
        if ($LASTEXITCODE -ne 0) { throw "The service of the $agent agent is installed and did not start." }
    }
}
$record = Join-Path $node.folder 'commits.json'
if (-not (Test-Path $record)) { Copy-Item (Join-Path $here 'agents\commits.json') $record }
if (-not (Test-Path $node.share)) { "to do: the share $($node.share) is not there: make it, and give the account of the services the right to write" }
