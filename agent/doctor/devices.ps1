# Reads devices and services, changes nothing, and writes one JSON object. Names of classes and properties are those of
# Windows Management Instrumentation and are not translated.
$ErrorActionPreference = 'Stop'
[Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false
$classes = 'SecurityDevices', 'Bluetooth', 'SmartCardReader'
$present = @(Get-CimInstance -ClassName Win32_PnPEntity | Where-Object { $_.Present })
$result = [ordered]@{
    Services      = @(Get-CimInstance -ClassName Win32_Service -Filter "Name='bthserv' OR Name='SCardSvr' OR Name='postern-agent'" | Select-Object -Property Name, State, StartMode)
    Drivers       = @(Get-CimInstance -ClassName Win32_SystemDriver -Filter "Name LIKE 'usbip2%'" | Select-Object -Property Name, State, StartMode)
    SignedDrivers = @(Get-CimInstance -ClassName Win32_PnPSignedDriver -Filter "HardWareID='ROOT\\USBIP_WIN2\\UDE'" | Select-Object -Property DeviceID, DeviceName, DriverVersion, IsSigned, Signer)
    Devices       = @($present | Where-Object { $classes -contains $_.PNPClass -or $_.Service -eq 'usbip2_ude' -or $_.HardwareID -contains 'HID_DEVICE_UP:F1D0_U:0001' } | Select-Object -Property Name, PNPClass, PNPDeviceID, Service, ConfigManagerErrorCode, HardwareID)
    Computer      = Get-CimInstance -ClassName Win32_ComputerSystem | Select-Object -Property Manufacturer, Model
    LastUpdate    = ''
}
$newest = Get-CimInstance -ClassName Win32_QuickFixEngineering | Where-Object { $_.InstalledOn } | Sort-Object -Property InstalledOn | Select-Object -Last 1
if ($newest) { $result.LastUpdate = $newest.InstalledOn.ToString('yyyy-MM-dd', [Globalization.CultureInfo]::InvariantCulture) }
$result | ConvertTo-Json -Depth 4 -Compress
