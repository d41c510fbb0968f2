$ErrorActionPreference = 'Stop';
if (-not (Get-Command Get-MailboxDatabaseCopyStatus -ErrorAction SilentlyContinue)) {
  Get-PSSnapin -Registered Microsoft.Exchange.Management.PowerShell.* | Add-PSSnapin;
};
$database = Get-MailboxDatabase -Identity 'DATABASE';
$lags = @{};
foreach ($lag in $database.ReplayLagTimes) { $lags["$($lag.Key)"] = "$($lag.Value)" };
function Utc($time) { if ($time) { ([datetime]$time).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.fffZ') } };
Get-MailboxDatabaseCopyStatus -Identity $database.Name | ForEach-Object {
  $server = "$($_.MailboxServer)";
  New-Object PSObject -Property @{
    Name = $_.Name;
    Status = "$($_.Status)";
    ActiveCopy = "$($_.ActiveCopy)";
    CopyQueueLength = "$($_.CopyQueueLength)";
    ReplayQueueLength = "$($_.ReplayQueueLength)";
    LastInspectedLogTime = Utc $_.LastInspectedLogTime;
    LastReplayedLogTime = Utc $_.LastReplayedLogTime;
    ContentIndexState = "$($_.ContentIndexState)";
    ReplayLagTime = $lags[$server];
    Site = (Get-ExchangeServer $server).Site.Name
  }
} | ConvertTo-Csv -NoTypeInformation
