"""A shop whose products have integer keys."""

from __future__ import annotations

from django.db import models
from django.urls import reverse


class Category(models.Model):
    """A shelf."""

    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """What the shop sells."""

    name = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=10)
    image = models.ImageField(upload_to="products", blank=True)
    category = models.ForeignKey(Category, null=True, on_delete=models.SET_NULL)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.pk])
