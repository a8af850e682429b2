.data
blob: .INCBIN "x.bin", 4
.Include "m.inc"
asm(".IncBin \"y.bin\"");
