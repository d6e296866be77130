@echo off
rem Protect what was sent here into a folder "protected" beside the first of it.
setlocal
if "%~1"=="" exit /b 2
set "PATH=%PATH%;%USERPROFILE%\.local\bin"
set "out=%~dp1protected"
if not exist "%out%" mkdir "%out%"
cloak protect -o "%out%" -- %*
if errorlevel 1 echo Not everything is protected: see above.
pause
