"""A small shop's tables; nothing here knows of recommendations."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone


class Category(models.Model):
    """A department of the shop."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("category", args=[self.slug])


class ProductQuerySet(models.QuerySet["Product"]):
    """Questions asked of the catalogue."""

    def available(self) -> Self:
        """What can be bought now."""
        return self.filter(is_active=True, stock__gt=0)

    def search(self, words: str) -> Self:
        """Products with every one of the words in their name."""
        found = self
        for word in words.split()[:8]:
            found = found.filter(name__icontains=word)
        return found


class Product(models.Model):
    """What the shop sells."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, unique=True)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    description = models.TextField(blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    image = models.FileField(upload_to="products", blank=True)
    stock = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField("visible in the shop", default=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])

    @property
    def price_tag(self) -> str:
        """The price as it reads in the shop."""
        return f"€ {self.price}"


class Order(models.Model):
    """What a customer bought at once."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="orders"
    )
    created_at = models.DateTimeField(default=timezone.now)
    name = models.CharField(max_length=100)
    address = models.CharField(max_length=200)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Order {self.pk}"

    @property
    def total(self) -> Decimal:
        """What the customer paid."""
        return sum((line.total for line in self.lines.all()), Decimal())


class OrderLine(models.Model):
    """One product of an order, at the price of that day."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(default=1)
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_id}"

    @property
    def total(self) -> Decimal:
        """Price of the line."""
        return self.quantity * self.unit_price
